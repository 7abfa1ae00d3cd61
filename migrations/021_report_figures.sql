-- What was last known of a month is kept by figure, apart from the shape of its report.
-- What was kept so far has another shape: the next reading is kept without errata.
UPDATE reports SET latest = '{}';
---- create above / drop below ----
UPDATE reports SET latest = numbers;
