"""The rooms `escrow:{kind}.{id}`: money of a deal, held until its release (accounts 3)."""
