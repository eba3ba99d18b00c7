"""Listens to the signals of an app and tells the outside world."""
