-- How far something beside the log has come with it, such as letters that were sent.

CREATE TABLE marks (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
);
