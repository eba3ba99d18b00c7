"""The `howdah` program. Each command is a file, imported when the command is used."""
