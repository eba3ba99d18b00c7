INSERT INTO howdah.version (migration, name) VALUES (__number__, __name__);
