"""This room keeps the runs in a database: rows, transactions, queue, history, recovery."""
