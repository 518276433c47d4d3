"""The command line `locutor`: one file a command. Heavy imports stand inside the commands, so that help is quick."""
