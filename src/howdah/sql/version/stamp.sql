INSERT INTO howdah.version (migration, name, kind) VALUES (__number__, __name__, __kind__);
