"""Several GovBot processes on one database: who lives, who does what, what makes them one."""
