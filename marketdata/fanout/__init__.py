"""What a web process knows: events, quotes and accounts, read once and handed to its sockets (A-10).

`hub.fanout()` gives the process's one `Fanout`. Everything here lives on the event loop; nothing
on the path of an event or quote touches the database (A-11).
"""
