"""The mouths of people in moving footage, made to speak other words."""
