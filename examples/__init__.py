"""Small whole applications that use Howdah; each is run by the tests."""
