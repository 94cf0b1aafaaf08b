# Completion of codec in bash: names of commands, options, their values, else files.
_codec() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} offered= options
    case ${COMP_WORDS[1]} in
        compress) options="-q --quality --target-size --target-bpp --target-bpv --target-bitrate --target-psnr --target-ssimulacra2 --lossless --max-error --tune --model --measure --fps --strip --exact-alpha -o --engine --threads --force --skip-existing --json --quiet --verbose -r --max-pixels --debug --help" ;;
        decompress) options="-o --to --crop --start --end --keep-going --model --engine --threads --force --skip-existing --json --quiet --verbose -r --max-pixels --debug --help" ;;
        info) options="--json --quiet -r --debug --help" ;;
        verify) options="--model --json --quiet -r --max-pixels --debug --help" ;;
        models) options="--json --debug --help" ;;
        train) options="--config --out --minutes --start --bfloat16 --resume --debug --help" ;;
        evaluate) options="-o --codecs --qualities --metrics --model --published --bpp --jobs --repeats --resume --compare --margin --debug --help" ;;
        demo) options="-o -q --quality --debug --help" ;;
        doctor) options="--json --debug --help" ;;
    esac
    case $before in
        --tune) offered="eyes psnr" ;;
        --engine) offered="auto litert tensorflow" ;;
        --to) offered=".png .jpg .jpeg .jpe .jfif .webp .tif .tiff .bmp .avif .ppm" ;;
    esac
    if [ "$COMP_CWORD" = 1 ]; then
        offered="compress decompress info verify models train evaluate demo doctor --help --version"
    elif [ -z "$offered" ] && [ "${word:0:1}" = - ]; then
        offered=$options
    fi
    COMPREPLY=($(compgen -W "$offered" -- "$word"))
}
complete -o bashdefault -o default -F _codec codec
