-- This number is kept free.
SELECT 1;
---- create above / drop below ----
SELECT 1;
