"""Makes everything that talks to a server, from the settings of one app."""
