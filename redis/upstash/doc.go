// Package upstash
package upstash
