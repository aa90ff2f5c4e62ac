// SPDX-License-Identifier: LGPL-2.1-or-later

package tessera

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Claims is what a token says, or an entry of the deny-list, or an event.
type Claims struct {
	Iss, Sub, Jti, Sid, Scope            string
	Aud                                  any
	Iat, Exp, Generation, Time           int64
	Client                               string `json:"client_id"`
	Grant                                string `json:"grant_id"`
	List, Rule, Value, Signature, Sha256 string
	Instant, Expires                     *int64
	Version                              int `json:"tessera_deny_list"`
}

// Nothing of a snapshot is believed before its last line was verified.
func (i *Issuer) snapshot() (map[string]Claims, *Claims, error) {
	digest, entries, said, proof := sha256.New(), map[string]Claims{}, Claims{}, Claims{}
	err := i.lines("tessera_deny_list_endpoint", 0, func(line string) error {
		said = Claims{}
		if err := json.Unmarshal([]byte(line), &said); err != nil || said.Signature != "" {
			return err
		}
		digest.Write([]byte(line + "\n"))
		if said.Version == 0 {
			learn(entries, said)
		} else if said.Version != 1 {
			return errors.New("a snapshot of another version")
		}
		return nil
	})
	if err == nil {
		_, err = i.verify(said.Signature, "deny-list+jwt", &proof)
	}
	if err == nil && proof.Sha256 != base64.RawURLEncoding.EncodeToString(digest.Sum(nil)) {
		err = errors.New("not the snapshot that was signed")
	}
	return entries, &proof, err
}

func (i *Issuer) events(cursor int64, take func(kind string, said Claims) error) error {
	kind := ""
	return i.lines("tessera_deny_list_events_endpoint", cursor, func(line string) error {
		if strings.HasPrefix(line, "event: ") {
			kind = line[7:]
		}
		if !strings.HasPrefix(line, "data: ") {
			return nil
		}
		said := Claims{}
		if err := json.Unmarshal([]byte(line[6:]), &said); err != nil {
			return err
		}
		return take(kind, said)
	})
}

func (d *DenyList) freshen(stamp int64) {
	if now := d.now(); stamp > d.time && stamp <= now+60000 {
		d.time, d.arrived = stamp, time.Now()
		if stamp < now {
			d.arrived = d.arrived.Add(time.Duration(stamp-now) * time.Millisecond)
		}
	}
	for each, entry := range d.entries {
		if entry.Expires != nil && (*entry.Expires <= d.now() || *entry.Expires <= d.time) {
			delete(d.entries, each)
		}
	}
}
