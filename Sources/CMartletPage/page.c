#include "martlet_page.h"

// A browser gets these files as they are: there is no build step, so what is read here is what runs there.

#define BEGIN(NAME) static const unsigned char NAME[] = {
#define END };

// clang-format off
BEGIN(index_html)
#embed "page/index.html"
END
BEGIN(icon_svg)
#embed "page/icon.svg"
END
BEGIN(message_css)
#embed "page/message.css"
END
BEGIN(style_css)
#embed "page/style.css"
END
BEGIN(api_js)
#embed "page/api.js"
END
BEGIN(app_js)
#embed "page/app.js"
END
BEGIN(blocks_js)
#embed "page/blocks.js"
END
BEGIN(dialogs_js)
#embed "page/dialogs.js"
END
BEGIN(generation_js)
#embed "page/generation.js"
END
BEGIN(highlight_js)
#embed "page/highlight.js"
END
BEGIN(icons_js)
#embed "page/icons.js"
END
BEGIN(inline_js)
#embed "page/inline.js"
END
BEGIN(markdown_js)
#embed "page/markdown.js"
END
BEGIN(settings_js)
#embed "page/settings.js"
END
BEGIN(sidebar_js)
#embed "page/sidebar.js"
END
BEGIN(store_js)
#embed "page/store.js"
END
BEGIN(theme_js)
#embed "page/theme.js"
END
BEGIN(transcript_js)
#embed "page/transcript.js"
END
static const char policy[] = {
#embed "page/policy.txt"
, 0};
// clang-format on

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define JS "text/javascript; charset=utf-8"
#define FILE_OF(PATH, TYPE, NAME) {PATH, TYPE, NAME, sizeof NAME}

static const martlet_page_file files[] = {
    FILE_OF("", HTML, index_html),
    FILE_OF("page/icon.svg", "image/svg+xml", icon_svg),
    FILE_OF("page/message.css", CSS, message_css),
    FILE_OF("page/style.css", CSS, style_css),
    FILE_OF("page/api.js", JS, api_js),
    FILE_OF("page/app.js", JS, app_js),
    FILE_OF("page/blocks.js", JS, blocks_js),
    FILE_OF("page/dialogs.js", JS, dialogs_js),
    FILE_OF("page/generation.js", JS, generation_js),
    FILE_OF("page/highlight.js", JS, highlight_js),
    FILE_OF("page/icons.js", JS, icons_js),
    FILE_OF("page/inline.js", JS, inline_js),
    FILE_OF("page/markdown.js", JS, markdown_js),
    FILE_OF("page/settings.js", JS, settings_js),
    FILE_OF("page/sidebar.js", JS, sidebar_js),
    FILE_OF("page/store.js", JS, store_js),
    FILE_OF("page/theme.js", JS, theme_js),
    FILE_OF("page/transcript.js", JS, transcript_js),
};

martlet_page_file martlet_page_file_at(int index) { return files[index]; }
const char *martlet_page_policy(void) { return policy; }
int martlet_page_file_count(void) { return sizeof files / sizeof *files; }
