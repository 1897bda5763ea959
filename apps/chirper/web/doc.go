// Package web shows Chirper in a browser: a JSON API over HTTP, and a page that
// uses it, beside a live view of the cluster. docs/chirper-api.md describes the
// API.
//
// Each action is answered twice, as section 6.2 of the dissertation has it: by
// the optimistic machine, before the order is final, and by the conservative
// one. The API streams both replies, so that the page shows the first at once,
// marked as what it is, and confirms or corrects it by the second.
//
// Nobody is authenticated: whoever reaches the address acts as any user. It is
// meant for loopback. Pages of other origins cannot use it: requests that a
// browser says come from elsewhere are refused, and so are names that resolve
// to the address without being its own.
package web
