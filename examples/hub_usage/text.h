/* SPDX-License-Identifier: MIT */
/*
 * text: what arguments say, and what of others' words may be shown.
 */
#ifndef TEXT_H
#define TEXT_H

/* The whole number that it is; 0 unless that is in least … most, which are above 0. */
long text_number(const char *text, long least, long most);

/*
 * Each byte of what could steer a terminal, or spoil XML, becomes "?": of control characters, of
 * U+FFFE and U+FFFF, and of what is no UTF-8.
 */
void text_clean(char *text);

#endif
