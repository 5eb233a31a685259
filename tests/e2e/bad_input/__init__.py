"""Bad input over real sockets, to one server that a bystander goes on using."""
