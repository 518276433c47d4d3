"""From speech sounds to what a visible mouth does: shared by what speaks and by what shows the speaker."""
