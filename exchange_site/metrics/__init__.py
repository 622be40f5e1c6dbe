"""What every process measures about itself, and the port it is read on (O-30)."""
