"""What stands between the network and the dashboard: plain ASGI, without any part of the dashboard itself."""
