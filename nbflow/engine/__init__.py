"""The engine: what the core says shall happen, made to happen.

Three threads, each with one job, so that none waits for another's:

* the *engine thread* runs the asyncio loop on which everything is decided (`engine`). It knows the
  instances that are in memory (`instance`, `residents`), delivers timers (`timers`), starts
  activities (`activities`), writes down what waits (`keeping`), takes requests (`requests`,
  `registration`) and carries out what a committed turn sets off (`effects`);
* the *dispatch thread* runs workflow code, one turn at a time (`dispatch`; `turns` and `dispatching`
  are the engine's side of it). Code that keeps it for itself is found (`watchdog`, `sight`), stopped
  if that can be done, and another thread takes over;
* the *store thread* is the only one that touches the store (`commits`).

A tick: turns of every instance that has something to do, one commit for all of them, and only then
whatever depends on it is dispatched.
"""
