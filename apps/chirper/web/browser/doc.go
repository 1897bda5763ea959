// Package browser tests Chirper's page in a real headless Chromium, against the
// real eyrie. It is a module of its own, so that what drives the browser stays
// out of the library's requirements. Without Chromium (Debian: package chromium)
// its tests skip themselves.
package browser
