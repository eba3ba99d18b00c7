-- Forgets hints of claims by hand that serve nobody.
SELECT howdah.forget_hints()
