// Package layers holds tests of the module as a whole: which package may import
// which, what an importer pays, that the same job has the same file in every backend,
// that what is exported is documented and package comments are pages, and that no file
// names a path of the machine that it was written on. There is nothing in it to import.
package layers
