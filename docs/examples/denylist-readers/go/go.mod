module example.org/tessera

go 1.19
