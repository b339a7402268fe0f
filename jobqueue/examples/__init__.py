"""Small apps to start from; the compose file runs one."""
