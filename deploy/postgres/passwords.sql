-- The passwords of the two roles, from the environment of psql.
\getenv owner OWNER_PASSWORD
\getenv serve SERVE_PASSWORD
ALTER ROLE exchequer_owner PASSWORD :'owner';
ALTER ROLE exchequer_serve PASSWORD :'serve';
