/*
 * In the one file that bundle.sh makes, the scripts are packed: a third of their size. This unpacks
 * them. The page's policy names the sum of what must come out, and runs nothing else.
 */
(function () {
    'use strict';

    const page = document.documentElement;
    const packed = document.getElementById('waitscope-code');

    async function unpack() {
        const bytes = Uint8Array.from(atob(packed ? packed.textContent || '' : ''), (c) => c.charCodeAt(0));
        const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
        const script = document.createElement('script');
        script.textContent = await new Response(stream).text();
        if (packed) packed.remove();
        document.body.append(script); /* runs here, or not at all */
        if (!document.body.dataset.up) throw new Error('not what the policy names');
    }

    function failed() {
        const p = document.createElement('p');
        p.textContent = 'This page could not unpack itself: it is damaged, or this browser is too old for it (2023 or later will do).';
        const notices = document.getElementById('notices');
        if (notices) notices.append(p);
        page.dataset.ready = 'refused';
    }

    page.classList.add('boot'); /* nothing is shown that would go at once */
    unpack()
        .catch(failed)
        .finally(() => page.classList.remove('boot'));
})();
