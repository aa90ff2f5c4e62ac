// SPDX-License-Identifier: LGPL-2.1-or-later

package tessera

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var rules = regexp.MustCompile("^(token|(grant|subject|client)(-tokens)?|session|all|key)$")
var uuid7 = regexp.MustCompile("^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")

func learn(entries map[string]Claims, said Claims) {
	if !rules.MatchString(said.Rule) { // not understood: it may refuse anything
		said = Claims{Rule: "?"}
	}
	entries[said.Rule+" "+said.Value] = said
}

func (d *DenyList) refuses(c *Claims, kid string) bool {
	issued := c.Iat * 1000
	if uuid7.MatchString(c.Jti) {
		issued, _ = strconv.ParseInt(strings.ReplaceAll(c.Jti, "-", "")[:12], 16, 64)
	}
	asked := []string{"token " + c.Jti, "client " + c.Client, "session " + c.Sid, "all ", "key " + kid, "? "}
	if c.Grant == "" {
		asked = append(asked, "client-tokens "+c.Client)
	} else {
		asked = append(asked, "grant "+c.Grant, "grant-tokens "+c.Grant, "subject "+c.Sub, "subject-tokens "+c.Sub)
	}
	for _, each := range asked {
		if entry, found := d.entries[each]; found && (entry.Instant == nil || issued <= *entry.Instant) {
			return true
		}
	}
	return false
}

// Age is how many milliseconds ago the list was so: neither a clock set back nor a suspended machine makes it younger.
func (d *DenyList) Age() int64 {
	d.RLock()
	defer d.RUnlock()
	age := time.Since(d.arrived).Milliseconds()
	if late := d.now() - d.time; late > age {
		return late
	}
	return age
}

// Check takes a token that is good now, and gives what it says. maxStaleness is in milliseconds.
func (d *DenyList) Check(token, audience string, maxStaleness int64) (*Claims, error) {
	claims := &Claims{}
	kid, err := d.issuer.verify(token, "at+jwt", claims)
	if err != nil || claims.Sub == "" || claims.Client == "" || claims.Jti == "" || claims.Iat == 0 {
		return nil, errors.New("no access token")
	}
	several, _ := claims.Aud.([]any)
	meant := claims.Aud == any(audience)
	for _, each := range several {
		meant = meant || each == audience
	}
	if !meant {
		return nil, errors.New("for another audience")
	}
	if d.Age() > maxStaleness {
		return nil, errors.New("the deny-list is stale")
	}
	d.RLock()
	defer d.RUnlock()
	// What is over by the server's clock is no longer in the list: a clock behind it must not bring it back.
	if claims.Exp*1000 <= d.now() || claims.Exp*1000 <= d.time || d.refuses(claims, kid) {
		return nil, errors.New("expired or revoked")
	}
	return claims, nil
}
