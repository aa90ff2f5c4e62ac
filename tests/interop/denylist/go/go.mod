module example.org/probe

go 1.19

require example.org/tessera v0.0.0

replace example.org/tessera => ../../../../docs/examples/denylist-readers/go
