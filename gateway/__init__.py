"""Websocket and HTTP: everything between a socket's bytes and a command."""
