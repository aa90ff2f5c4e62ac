// SPDX-License-Identifier: LGPL-2.1-or-later

// A relying party of go-oidc and golang.org/x/oauth2, which finds out by itself how it has to authenticate.
// What it needs is in its environment; it speaks TAP.
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

type relyingParty struct {
	provider *oidc.Provider
	config   oauth2.Config
	verifier *oidc.IDTokenVerifier
	pkce     bool
}

type login struct {
	token *oauth2.Token
	id    *oidc.IDToken
	raw   string
	nonce string
}

var (
	ctx   = context.Background()
	count = 0
	good  = true
)

func tap(err error, sentence string) bool {
	count++
	verdict := "ok"
	if err != nil {
		good, verdict = false, "not ok"
		fmt.Printf("# %s\n", strings.ReplaceAll(err.Error(), "\n", "\n# "))
	}
	fmt.Printf("%s %d - go-oidc as %s: %s\n", verdict, count, os.Getenv("CLIENT_NAME"), sentence)
	return err == nil
}

// refused is nil when err tells of what was expected.
func refused(err error, expected string) error {
	if err == nil {
		return errors.New("it was accepted")
	}
	if !strings.Contains(err.Error(), expected) {
		return fmt.Errorf("“%s” is not in: %w", expected, err)
	}
	return nil
}

func unless(condition bool, what string) error {
	if condition {
		return nil
	}
	return errors.New(what)
}

func random() string {
	bytes := make([]byte, 32)
	if _, err := rand.Read(bytes); err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(bytes)
}

func discover() (*relyingParty, error) {
	provider, err := oidc.NewProvider(ctx, os.Getenv("ISSUER"))
	if err != nil {
		return nil, err
	}
	config := oauth2.Config{
		ClientID: os.Getenv("CLIENT_ID"), ClientSecret: os.Getenv("CLIENT_SECRET"), RedirectURL: os.Getenv("REDIRECT_URI"),
		Endpoint: provider.Endpoint(), Scopes: strings.Fields(os.Getenv("SCOPE")),
	}
	return &relyingParty{provider, config, verifierFor(provider, os.Getenv("ID_TOKEN_ALG"), config.ClientID), os.Getenv("PKCE") != "0"}, nil
}

func verifierFor(provider *oidc.Provider, algorithm, clientID string) *oidc.IDTokenVerifier {
	return provider.Verifier(&oidc.Config{ClientID: clientID, SupportedSigningAlgs: []string{algorithm}})
}

// walk lets the person sign in and decide, in a browser that keeps its cookies in jar if that is not empty.
func walk(address, jar string) (url.Values, error) {
	agent := exec.Command("/usr/bin/python3", os.Getenv("AGENT"), address, os.Getenv("REDIRECT_URI"))
	agent.Env = append(os.Environ(), "AGENT_JAR="+jar)
	answer, err := agent.Output()
	if err != nil {
		return nil, err
	}
	back, err := url.Parse(strings.TrimSpace(string(answer)))
	if err != nil {
		return nil, err
	}
	return back.Query(), nil
}

func (rp *relyingParty) logIn(more ...oauth2.AuthCodeOption) (*login, error) {
	return rp.logInWith("", more...)
}

func (rp *relyingParty) logInWith(jar string, more ...oauth2.AuthCodeOption) (*login, error) {
	state, nonce, secret := random(), random(), random()
	options := append(more, oidc.Nonce(nonce))
	exchange := []oauth2.AuthCodeOption{}
	if rp.pkce {
		sum := sha256.Sum256([]byte(secret))
		challenge := base64.RawURLEncoding.EncodeToString(sum[:])
		options = append(options, oauth2.SetAuthURLParam("code_challenge", challenge), oauth2.SetAuthURLParam("code_challenge_method", "S256"))
		exchange = append(exchange, oauth2.SetAuthURLParam("code_verifier", secret))
	}
	back, err := walk(rp.config.AuthCodeURL(state, options...), jar)
	if err != nil {
		return nil, err
	}
	if back.Get("error") != "" {
		return nil, errors.New(back.Get("error"))
	}
	if back.Get("state") != state || back.Get("iss") != os.Getenv("ISSUER") {
		return nil, errors.New("another state or iss")
	}
	token, err := rp.config.Exchange(ctx, back.Get("code"), exchange...)
	if err != nil {
		return nil, err
	}
	return rp.check(token, nonce)
}

func (rp *relyingParty) check(token *oauth2.Token, nonce string) (*login, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("there is no id_token")
	}
	id, err := rp.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if id.Subject != "alice" || id.Nonce != nonce {
		return nil, fmt.Errorf("sub %s, nonce %s", id.Subject, id.Nonce)
	}
	return &login{token, id, raw, nonce}, id.VerifyAccessToken(token.AccessToken)
}

func (rp *relyingParty) userinfo(token *oauth2.Token) error {
	info, err := rp.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return err
	}
	return unless(info.Subject == "alice", "userinfo is about "+info.Subject)
}

func (rp *relyingParty) refresh(token *oauth2.Token) (*oauth2.Token, error) {
	return rp.config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
}

// revoke is what x/oauth2 has not.
func (rp *relyingParty) revoke(token string) error {
	var known struct {
		Endpoint string `json:"revocation_endpoint"`
	}
	if err := rp.provider.Claims(&known); err != nil {
		return err
	}
	form := url.Values{"token": {token}, "client_id": {rp.config.ClientID}}
	isBasic := os.Getenv("CLIENT_AUTH") == "client_secret_basic"
	if isBasic {
		form.Del("client_id")
	} else if rp.config.ClientSecret != "" {
		form.Set("client_secret", rp.config.ClientSecret)
	}
	request, err := http.NewRequest("POST", known.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if isBasic {
		request.SetBasicAuth(url.QueryEscape(rp.config.ClientID), url.QueryEscape(rp.config.ClientSecret))
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return unless(response.StatusCode == 200, response.Status)
}

func (rp *relyingParty) checkClaims(l *login) error {
	var claims struct {
		AuthTime int64    `json:"auth_time"`
		Session  string   `json:"sid"`
		Methods  []string `json:"amr"`
	}
	if err := l.id.Claims(&claims); err != nil {
		return err
	}
	return unless(claims.AuthTime > 0 && claims.Session != "" && len(claims.Methods) == 1 && l.token.Expiry.After(time.Now()), fmt.Sprint(claims))
}

func (rp *relyingParty) verifyFor(algorithm, clientID, raw string) error {
	_, err := verifierFor(rp.provider, algorithm, clientID).Verify(ctx, raw)
	return err
}

func (rp *relyingParty) holdRefusals(l *login) {
	algorithm := os.Getenv("ID_TOKEN_ALG")
	other := map[string]string{"RS256": "ES256", "ES256": "RS256"}[algorithm]
	forged := l.raw[:len(l.raw)-8] + "AAAAAAAA"
	tap(refused(rp.verifyFor(algorithm, "other", l.raw), "audience"), "it refuses an ID token for another client")
	tap(refused(rp.verifyFor(other, rp.config.ClientID, l.raw), "algorithm"), "it refuses an ID token of another algorithm")
	tap(refused(rp.verifyFor(algorithm, rp.config.ClientID, forged), "signature"), "it refuses a changed ID token")
	tap(refused(l.id.VerifyAccessToken(l.token.AccessToken+"x"), "hash"), "it refuses an access token that at_hash is not of")
	tap(refused(rp.userinfo(&oauth2.Token{AccessToken: l.raw}), "401"), "userinfo takes no ID token")
	_, err := rp.logIn(oauth2.SetAuthURLParam("prompt", "none"))
	tap(refused(err, "login_required"), "prompt=none in a browser that nobody logged in with")
}

// rotate has the next key sign. Before version 3 go-oidc reads no key set again while the one that it has is fresh by
// Cache-Control, so it must have seen that key there before.
func rotate() error {
	said, err := exec.Command(os.Getenv("TESSERA"), "key", "rotate", "--now", "--yes").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w", said, err)
	}
	return nil
}

func (rp *relyingParty) holdRefresh(l *login) {
	tap(rotate(), "the keys are rotated")
	token, err := rp.refresh(l.token)
	if !tap(err, "refresh") {
		return
	}
	next, err := rp.check(token, "")
	tap(err, "the refresh brings another ID token, of the same person, by the key that was the next one")
	tap(unless(err == nil && next.raw != l.raw && token.RefreshToken != l.token.RefreshToken, "the same"), "and another refresh token")
	tap(rp.userinfo(token), "userinfo takes the new access token")
	tap(rp.revoke(token.RefreshToken), "the refresh token is revoked")
	_, err = rp.refresh(token)
	tap(refused(err, "invalid_grant"), "it refreshes no more")
	tap(refused(rp.userinfo(token), "401"), "and userinfo refuses the access token")
}

// endSession is what go-oidc has not.
func (rp *relyingParty) endSession(l *login, jar string) error {
	var known struct {
		Endpoint string `json:"end_session_endpoint"`
	}
	if err := rp.provider.Claims(&known); err != nil {
		return err
	}
	state := random()
	question := url.Values{"id_token_hint": {l.raw}, "post_logout_redirect_uri": {rp.config.RedirectURL + "/out"}, "state": {state}}
	back, err := walk(known.Endpoint+"?"+question.Encode(), jar)
	if err != nil {
		return err
	}
	return unless(back.Get("state") == state, "another state")
}

func (rp *relyingParty) holdLogout() {
	folder, err := os.MkdirTemp("", "tessera-jar-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	jar := folder + "/cookies"
	l, err := rp.logInWith(jar)
	if !tap(err, "log in, in a browser that keeps its cookies") {
		return
	}
	tap(rp.endSession(l, jar), "log out: the browser comes back with the state")
	_, err = rp.logInWith(jar, oauth2.SetAuthURLParam("prompt", "none"))
	tap(refused(err, "login_required"), "nobody is signed in there any more")
	tap(refused(rp.userinfo(l.token), "401"), "userinfo refuses the access token of that session")
	_, err = rp.refresh(l.token)
	tap(refused(err, "invalid_grant"), "and its refresh token refreshes no more")
}

func main() {
	rp, err := discover()
	if tap(err, "discovery") {
		l, err := rp.logIn()
		if tap(err, "log in: signature, iss, aud, exp, nonce, at_hash") {
			tap(rp.checkClaims(l), "auth_time, sid, amr and the end of the access token are there")
			tap(rp.userinfo(l.token), "userinfo is about the same person")
			rp.holdRefusals(l)
			rp.holdRefresh(l)
			rp.holdLogout()
		}
	}
	fmt.Printf("1..%d\n", count)
	if !good {
		os.Exit(1)
	}
}
