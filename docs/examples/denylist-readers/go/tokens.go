// SPDX-License-Identifier: LGPL-2.1-or-later

package tessera

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"sync"
	"time"
)

// Issuer is what we know of it: where its endpoints are, and its keys.
type Issuer struct {
	name, id, secret string
	places           map[string]any
	mutex            sync.Mutex
	keys             map[string]*ecdsa.PublicKey
	keysRead         time.Time
}

func decode(part string) []byte {
	bytes, _ := base64.RawURLEncoding.DecodeString(part)
	return bytes
}

func number(bytes []byte) *big.Int { return new(big.Int).SetBytes(bytes) }

func (i *Issuer) lookup(kid string) *ecdsa.PublicKey {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	var set struct {
		Keys []struct{ Alg, Kid, X, Y string }
	}
	if i.keys[kid] == nil && time.Since(i.keysRead) > time.Minute { // whoever makes up names makes us ask once a minute
		i.keysRead = time.Now()
		answer, err := http10.Get(i.place("jwks_uri"))
		if err == nil && json.NewDecoder(answer.Body).Decode(&set) == nil {
			i.keys = map[string]*ecdsa.PublicKey{}
		}
		for _, key := range set.Keys {
			if key.Alg == "ES256" {
				i.keys[key.Kid] = &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(decode(key.X)), Y: number(decode(key.Y))}
			}
		}
	}
	return i.keys[kid]
}

// The kid of a token with a good signature of that type.
func (i *Issuer) verify(token, wanted string, claims *Claims) (string, error) {
	var header struct{ Alg, Kid, Typ, Crit any }
	parts := strings.Split(token, ".")
	if len(parts) != 3 || json.Unmarshal(decode(parts[0]), &header) != nil || header.Alg != "ES256" || header.Crit != nil {
		return "", errors.New("no token that we know")
	}
	if typ, _ := header.Typ.(string); strings.TrimPrefix(strings.ToLower(typ), "application/") != wanted {
		return "", errors.New("not of that type")
	}
	kid, _ := header.Kid.(string)
	key, signature, digest := i.lookup(kid), decode(parts[2]), sha256.Sum256([]byte(parts[0]+"."+parts[1]))
	if key == nil || len(signature) != 64 || !ecdsa.Verify(key, digest[:], number(signature[:32]), number(signature[32:])) {
		return "", errors.New("a wrong signature, or by an unknown key")
	}
	if json.Unmarshal(decode(parts[1]), claims) != nil || claims.Iss != i.name {
		return "", errors.New("of another issuer")
	}
	return kid, nil
}
