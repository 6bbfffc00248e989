// Package transfer copies the people of one store to another and compares two stores: what
// cmd/authstore does, without a process. It knows stores by the contract alone.
package transfer
