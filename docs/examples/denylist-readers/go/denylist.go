// SPDX-License-Identifier: LGPL-2.1-or-later

package tessera

import (
	"errors"
	"log"
	"sync"
	"time"
)

// DenyList is a copy of Tessera's deny-list that keeps itself up to date: docs/denylist-feed.md.
type DenyList struct {
	sync.RWMutex
	issuer           *Issuer
	now              func() int64      // milliseconds since 1970
	entries          map[string]Claims // by rule and value
	list             string
	generation, time int64
	arrived          time.Time
}

func (d *DenyList) follow() {
	for ; ; time.Sleep(time.Second) {
		step := d.listen
		if d.list == "" {
			step = d.load
		}
		if err := step(); err != nil { // whatever it is: once more, and meanwhile the list becomes stale
			log.Print("deny-list: ", err)
		}
	}
}

func (d *DenyList) load() error {
	entries, proof, err := d.issuer.snapshot()
	if err != nil {
		return err
	}
	d.Lock()
	defer d.Unlock()
	d.entries, d.list, d.generation = entries, proof.List, proof.Generation
	d.freshen(proof.Time)
	return nil
}

func (d *DenyList) listen() error {
	first := true
	return d.issuer.events(d.generation, func(kind string, said Claims) error {
		d.Lock()
		defer d.Unlock()
		if kind == "reset" || said.List != d.list {
			d.list = ""
			return errors.New("another list, or too far behind")
		}
		if first && (kind != "heartbeat" || said.Generation != d.generation) {
			return errors.New("not the stream that was asked for")
		}
		first = false
		if said.Generation > d.generation {
			d.generation = said.Generation
			if kind == "deny" {
				learn(d.entries, said)
			}
		}
		if kind == "heartbeat" {
			d.freshen(said.Time)
		}
		return nil
	})
}

// State tells which list it is, how far it is known, and how many entries are in force.
func (d *DenyList) State() (string, int64, int) {
	d.RLock()
	defer d.RUnlock()
	return d.list, d.generation, len(d.entries)
}
