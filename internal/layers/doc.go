// Package layers holds tests of the module as a whole: which package may import
// which, that what is exported is documented, and that no file names a path of
// the machine that it was written on. There is nothing in it to import.
package layers
