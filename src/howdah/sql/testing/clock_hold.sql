-- Stops the clock of one test. Answers with false when it stands already.
WITH held AS (
    UPDATE howdah.testbed_clock AS c
    SET held_at = howdah.now()
    WHERE c.held_at IS NULL
    RETURNING 1)
SELECT EXISTS (SELECT FROM held AS h)
