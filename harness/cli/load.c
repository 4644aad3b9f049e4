/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cli/load.h"

#include <stdlib.h>
#include <string.h>

#include "harness/run/clip_store.h"

static const struct dataset_ops *find_dataset(const char *name, const char *option, struct err *err)
{
	const struct dataset_ops *d = dataset_find(name);
	struct strbuf known = { 0 };

	if (d)
		return d;
	for (int i = 0; dataset_registry[i]; i++)
		strbuf_addf(&known, "%s%s", i ? ", " : "", dataset_registry[i]->name);
	err_set(err, ERR_ARG, "%s: %s%s%s (there are: %s)", option,
		*name ? "no data set '" : "name one", name, *name ? "'" : "", strbuf_str(&known));
	strbuf_free(&known);
	return NULL;
}

const struct dataset_ops *load_dataset(const struct cli *c, struct err *err)
{
	return find_dataset(opt_str(&c->opts, "corpus"), "--corpus", err);
}

int load_pairs(struct opt_values *v, const char *pairs, const char *where, struct err *err)
{
	char *copy = str_dup(pairs), *save = NULL;

	if (!copy)
		return err_set(err, ERR_NOMEM, "options: no memory");
	for (char *s = strtok_r(copy, ",", &save); s && !err->code;
	     s = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(s, '=');

		if (!eq) {
			err_set(err, ERR_ARG, "'%s' is not option=value", s);
			break;
		}
		*eq = '\0';
		opt_set(v, s, eq + 1, err);
	}
	free(copy);
	return err->code ? err_wrap(err, "%s", where) : 0;
}

int load_named_corpus(const struct cli *c, const char *name, const char *option,
		      struct corpus *corpus, struct gold *gold, struct err *err)
{
	const struct dataset_ops *d = find_dataset(name, option, err);
	const char *root = opt_str(&c->opts, "root");
	struct opt_values opts = { 0 };

	*corpus = (struct corpus){ 0 };
	*gold = (struct gold){ 0 };
	if (!d)
		return err->code;
	if (!*root)
		return err_set(err, ERR_ARG, "--root: name the folder of the data set");
	if (!opt_init(&opts, d->opts, err) &&
	    !load_pairs(&opts, opt_str(&c->opts, "data-set"), "--data-set", err) &&
	    !d->load(corpus, gold, root, &opts, err) && corpus_check(corpus, gold, err)) {
		corpus_free(corpus);
		gold_free(gold);
	}
	opt_free(&opts);
	return err->code;
}

int load_corpus(const struct cli *c, struct corpus *corpus, struct gold *gold, struct err *err)
{
	return load_named_corpus(c, opt_str(&c->opts, "corpus"), "--corpus", corpus, gold, err);
}

/* $XDG_CACHE_HOME/merc (empty or relative: ~/.cache/merc); NULL without a home. */
static char *default_cache(void)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (xdg && xdg[0] == '/')
		return path_join(xdg, "merc");
	return home ? path_join(home, ".cache/merc") : NULL;
}

void load_measuring(const struct cli *c, struct bank_options *o, char **owned)
{
	const char *cues = opt_str(&c->opts, "cues"), *cache = opt_str(&c->opts, "cache");

	*owned = *cache ? NULL : default_cache();
	*o = (struct bank_options){
		.cache = *cache ? cache : *owned,
		.cues = *cues ? cues : NULL,
		.threads = c->threads,
		.log = &c->log,
		.stop = c->stop,
	};
}

bool load_measures(unsigned see)
{
	return see & SEE_ALL & ~(unsigned)(SEE_TEXT | SEE_HISTORY);
}

int load_bank(const struct cli *c, struct corpus *corpus, const struct gold *gold, bool media,
	      const char *words, struct bank *bank, struct err *err)
{
	struct bank_options o;
	char *owned;

	load_measuring(c, &o, &owned);
	o.words = words;
	o.media = media;
	bank_build(bank, corpus, gold, &o, err);
	free(owned);
	return err->code;
}

int load_clip_store(const struct cli *c, struct clip_store **out, struct err *err)
{
	const char *cache = opt_str(&c->opts, "cache");
	char *owned = *cache ? NULL : default_cache(), *dir = NULL;

	*out = NULL;
	if (*cache || owned) {
		dir = path_join(*cache ? cache : owned, "clips");
		if (!dir)
			err_set(err, ERR_NOMEM, "clips: no memory");
		else
			*out = clip_store_open(dir, CLIP_STORE_BYTES, &c->log, err);
	}
	free(dir);
	free(owned);
	return err->code;
}
