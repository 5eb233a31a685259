"""The pure engine: rules, order and money. It knows no clock, socket, file or random source."""
