// SPDX-License-Identifier: LGPL-2.1-or-later

// Package tessera checks access tokens of Tessera (RFC 9068, ES256) with a copy of its deny-list.
package tessera

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

var http10 = &http.Client{Timeout: 10 * time.Second}

// New follows the deny-list of an issuer from now on.
func New(issuer, id, secret string, now func() int64) (*DenyList, error) {
	i := &Issuer{name: issuer, id: id, secret: secret}
	metadata := regexp.MustCompile("(://[^/]+)").ReplaceAllString(issuer, "$1/.well-known/oauth-authorization-server")
	answer, err := http10.Get(metadata)
	if err == nil {
		err = json.NewDecoder(io.LimitReader(answer.Body, 1<<16)).Decode(&i.places)
	}
	if err != nil || i.places["issuer"] != issuer {
		return nil, fmt.Errorf("the metadata of another issuer, or %v", err)
	}
	d := &DenyList{issuer: i, now: now}
	go d.follow()
	return d, nil
}

func (i *Issuer) place(name string) string {
	text, _ := i.places[name].(string)
	return text
}

// The lines of an answer of that endpoint, for a new access token with scope denylist.
func (i *Issuer) lines(name string, cursor int64, take func(string) error) error {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"denylist"}}
	ask, _ := http.NewRequest("POST", i.place("token_endpoint"), strings.NewReader(form.Encode()))
	ask.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	ask.SetBasicAuth(url.QueryEscape(i.id), url.QueryEscape(i.secret))
	var token struct {
		Text string `json:"access_token"`
	}
	answer, err := http10.Do(ask)
	if err != nil || json.NewDecoder(answer.Body).Decode(&token) != nil {
		return fmt.Errorf("no access token: %v", err)
	}
	answer.Body.Close()
	context, cancel := context.WithCancel(context.Background())
	defer cancel()
	alive := time.AfterFunc(45*time.Second, cancel) // three heartbeats
	ask, _ = http.NewRequestWithContext(context, "GET", i.place(name), nil)
	ask.Header.Set("Authorization", "Bearer "+token.Text)
	ask.Header.Set("Last-Event-ID", fmt.Sprint(cursor))
	if answer, err = http.DefaultClient.Do(ask); err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		return fmt.Errorf("%s says %s", name, answer.Status)
	}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() && err == nil {
		alive.Reset(45 * time.Second)
		err = take(lines.Text())
	}
	if err == nil {
		err = lines.Err()
	}
	return err
}
