// The same from C++, by the functions under the macros.
#include <nacre/nacre.h>

int main()
{
    nac_input_layer_options in = nac_input_layer_defaults;
    in.shape = NAC_SHAPE(4);
    nac_dense_options dense = nac_dense_defaults;
    dense.units = 3;
    dense.activation = "relu";
    nac_model *m = nac_sequential(nac_input_layer_with(&in), nac_dense_with(&dense));
    nac_compile_arguments compile = nac_compile_defaults;
    compile.model = m;
    compile.loss.v[0] = "mse";
    nac_arrays_arguments arrays = {};
    arrays.inputs = nac_ones(NAC_FLOAT32, NAC_SHAPE(8, 4));
    arrays.targets = nac_zeros(NAC_FLOAT32, NAC_SHAPE(8, 3));
    nac_fit_arguments fit = nac_fit_defaults;
    fit.model = m;
    fit.data = nac_arrays_with(&arrays);
    fit.verbose = 0;
    if (!nac_compile_with(&compile) || !nac_fit_with(&fit))
        return 1 + nac_report();
    nac_predict_arguments predict = nac_predict_defaults;
    predict.model = m;
    predict.x = arrays.inputs;
    nac_tensor *p = nac_predict_with(&predict);
    NAC_SCOPE {
        p = (nac_tensor *)nac_keep(nac_reshape(nac_concatenate(nac_list(p, p), 0), 3, -1));
    }
    return nac_report() || nac_dim(p, 1) != 16 || nac_weight_count(m) != 2 || nac_item_at(nac_vector(1, 2.5f), 1) != 2.5;
}
