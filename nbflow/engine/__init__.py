"""The engine: what the core says shall happen, made to happen.

Three threads, each with one job, so that none waits for another's:

* the *engine thread* runs the asyncio loop on which everything is decided
  (`engine.Engine`), with the timers (`timers`), the mailboxes (`mailbox`) and
  the starting of activities (`activities`);
* the *dispatch thread* runs workflow code, one turn at a time (`dispatch`);
* the *store thread* is the only one that touches the store (`commits`).

A tick: turns of every instance that has messages, one commit for all of them,
and only then whatever depends on it is dispatched.
"""
