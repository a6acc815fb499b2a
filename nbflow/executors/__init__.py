"""Where activities run: adapters of the `ActivityExecutor` port."""
