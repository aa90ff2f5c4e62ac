// SPDX-License-Identifier: LGPL-2.1-or-later

// The reader in Go as a program: a line of JSON for each line (check TOKEN AUDIENCE, move MILLISECONDS, state).
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"example.org/tessera"
)

func answer(list *tessera.DenyList, offset *int64, words []string) any {
	switch words[0] {
	case "move":
		by, _ := strconv.ParseInt(words[1], 10, 64)
		atomic.AddInt64(offset, by)
		return map[string]any{}
	case "check":
		claims, err := list.Check(words[1], words[2], 60000)
		if err != nil {
			return map[string]any{"refused": err.Error()}
		}
		return map[string]any{"sub": claims.Sub}
	}
	name, generation, count := list.State()
	age := float64(list.Age()) / 1000
	return map[string]any{"age": age, "generation": generation, "list": name, "entries": count}
}

func main() {
	var offset int64
	list, err := tessera.New(os.Args[1], os.Args[2], os.Args[3], func() int64 {
		return time.Now().UnixMilli() + atomic.LoadInt64(&offset)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		text, _ := json.Marshal(answer(list, &offset, strings.Split(lines.Text(), " ")))
		fmt.Println(string(text))
	}
}
