"""Coqui's VITS models and XTTS on PyTorch: voices that an operator brings, and voices that are cloned with consent."""
