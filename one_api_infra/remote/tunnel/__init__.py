"""The developer's end of a tunnel: its ssh, the callbacks that come by it, One API's places."""
