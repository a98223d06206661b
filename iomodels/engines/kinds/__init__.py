"""How engines are put together: groups, models, the order of simplicity."""
