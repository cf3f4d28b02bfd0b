raise SystemExit("not built in yet")
